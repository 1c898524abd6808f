-- ผู้ใช้น้ำรายใหญ่ 200 ราย
WITH biggest AS (
  SELECT trn.CUST_ID, trn.CUST_CODE, trn.CUST_TYPE_ID, trn.ORG_OWNER_ID, trn.DEBT_YM, trn.PRESENT_WATER_USG
  FROM PWACIS.TB_TR_DEBT_TRN trn
  WHERE trn.ORG_OWNER_ID = :ORG_OWNER_ID
    AND trn.DEBT_YM = :DEBT_YM
    AND trn.CANCELFLAG IS NULL AND trn.IS_DELETED = 'F'
  ORDER BY trn.PRESENT_WATER_USG DESC NULLS LAST
  FETCH FIRST 200 ROWS ONLY
)
SELECT
  biggest.ORG_OWNER_ID    AS "BA",
  biggest.CUST_CODE       AS "เลขที่ผู้ใช้น้ำ",
  ut.USETYPE              AS "ประเภท",
  tmp.METER_NO            AS "หมายเลขมาตร",
  mst.STATENAME           AS "สถานะมาตร",
  biggest.DEBT_YM         AS "เดือนหนี้"
FROM biggest
JOIN PWACIS.TB_TR_DEBT_TEMP tmp ON tmp.CUST_ID = biggest.CUST_ID AND tmp.DEBT_YM = biggest.DEBT_YM AND tmp.IS_DELETE = 'F'
LEFT JOIN PWACIS.TB_TR_CUSTOMER_INF cf ON cf.ID = biggest.CUST_ID
LEFT JOIN PWACIS.TB_TR_CUST_METER cm ON cm.CUST_ID = cf.ID AND cm.IS_DELETED = 'F'
LEFT JOIN PWACIS.TB_LT_METERSTATE mst ON mst.ID = cm.MRT_STATE_ID
LEFT JOIN PWACIS.TB_LT_USETYPE ut ON ut.ID = biggest.CUST_TYPE_ID
ORDER BY biggest.CUST_CODE